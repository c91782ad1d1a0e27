--
-- PostgreSQL database dump
--

\restrict 2KbVdGEwBPKDefOsV2nC5AvZEu81A8keImBvCkJ9ilKhopfqUVePIyTkctjnmV0

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: touch(); Type: FUNCTION; Schema: public; Owner: platform_owner
--

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RETURN NEW; END $$;


ALTER FUNCTION public.touch() OWNER TO platform_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: users; Type: TABLE; Schema: public; Owner: platform_owner
--

CREATE TABLE public.users (
    id bigint NOT NULL,
    email text NOT NULL
);


ALTER TABLE public.users OWNER TO platform_owner;

--
-- Name: users_id_seq; Type: SEQUENCE; Schema: public; Owner: platform_owner
--

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: platform_owner
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: users users_touch; Type: TRIGGER; Schema: public; Owner: platform_owner
--

CREATE TRIGGER users_touch BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.touch();


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: platform_owner
--

GRANT SELECT ON TABLE public.users TO pg_monitor;


--
-- PostgreSQL database dump complete
--

\unrestrict 2KbVdGEwBPKDefOsV2nC5AvZEu81A8keImBvCkJ9ilKhopfqUVePIyTkctjnmV0

